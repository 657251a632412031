// Command apiserver is kube-apiserver with etcd inside the same process: the first argument is etcd's folder,
// the others are kube-apiserver's own. `apiserver check HOST TOKEN CA_FILE POLICY...` checks the types of policies
// that are in one.
package main

import (
	"log"
	"net/url"
	"os"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: apiserver ETCD_FOLDER [kube-apiserver's flags], or apiserver check HOST TOKEN CA_FILE POLICY...")
	}
	if os.Args[1] == "check" && len(os.Args) > 4 {
		check(os.Args[2], os.Args[3], os.Args[4], os.Args[5:])
		return
	}
	etcd := start(os.Args[1])
	command := app.NewAPIServerCommand()
	command.SetArgs(append([]string{"--etcd-servers=http://" + etcd}, os.Args[2:]...))
	os.Exit(cli.Run(command))
}

// start runs etcd on free ports of loopback and returns the address for its clients.
func start(folder string) string {
	config := embed.NewConfig()
	config.Dir = folder
	config.LogLevel = "error"
	config.UnsafeNoFsync = true
	loopback := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	config.ListenClientUrls, config.AdvertiseClientUrls = loopback, loopback
	config.ListenPeerUrls, config.AdvertisePeerUrls = loopback, loopback
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		log.Fatal(err)
	}
	<-etcd.Server.ReadyNotify()
	return etcd.Clients[0].Addr().String()
}

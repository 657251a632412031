package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"sync"

	registration "k8s.io/api/admissionregistration/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/cel/openapi/resolver"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/kubernetes/pkg/generated/openapi"
)

// check prints, as JSON, the warnings that kube-controller-manager writes into the status of policies.
func check(host, token, authority string, names []string) {
	client := kubernetes.NewForConfigOrDie(&rest.Config{
		Host:            host,
		BearerToken:     token,
		QPS:             -1,
		TLSClientConfig: rest.TLSClientConfig{CAFile: authority},
	})
	schemas := resolver.NewDefinitionsSchemaResolver(openapi.GetOpenAPIDefinitions, scheme.Scheme).
		Combine(&resolver.ClientDiscoveryResolver{Discovery: client.Discovery()})
	kinds := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client.Discovery()))
	found := make([][]registration.ExpressionWarning, len(names))
	var work sync.WaitGroup
	for i, name := range names {
		work.Go(func() {
			policies := client.AdmissionregistrationV1().ValidatingAdmissionPolicies()
			policy, err := policies.Get(context.Background(), name, meta.GetOptions{})
			if err != nil {
				log.Fatal(err)
			}
			checker := &validating.TypeChecker{SchemaResolver: schemas, RestMapper: kinds}
			found[i] = checker.Check(policy)
		})
	}
	work.Wait()
	warnings := map[string][]registration.ExpressionWarning{}
	for i, name := range names {
		warnings[name] = found[i]
	}
	if err := json.NewEncoder(os.Stdout).Encode(warnings); err != nil {
		log.Fatal(err)
	}
}

// Command types prints what Go's types say of the fields of Kubernetes' objects: engine/admit/kubernetes/types.txt.
//
//	go run . > ../../../engine/admit/kubernetes/types.txt
package main

import (
	"fmt"
	"reflect"
	"regexp"
	"sort"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	admissionregistrationv1alpha1 "k8s.io/api/admissionregistration/v1alpha1"
	admissionregistrationv1beta1 "k8s.io/api/admissionregistration/v1beta1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	networkingv1 "k8s.io/api/networking/v1"
	nodev1 "k8s.io/api/node/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var groups = []func(*runtime.Scheme) error{
	admissionregistrationv1.AddToScheme, admissionregistrationv1alpha1.AddToScheme,
	admissionregistrationv1beta1.AddToScheme, appsv1.AddToScheme, autoscalingv1.AddToScheme, autoscalingv2.AddToScheme,
	batchv1.AddToScheme, certificatesv1.AddToScheme, coordinationv1.AddToScheme, corev1.AddToScheme,
	discoveryv1.AddToScheme, flowcontrolv1.AddToScheme, networkingv1.AddToScheme, nodev1.AddToScheme,
	policyv1.AddToScheme, rbacv1.AddToScheme, resourcev1.AddToScheme, schedulingv1.AddToScheme, storagev1.AddToScheme,
}

var (
	objectMeta = reflect.TypeOf(metav1.ObjectMeta{})
	unmarshals = reflect.TypeOf((*interface{ UnmarshalJSON([]byte) error })(nil)).Elem()
	path       = regexp.MustCompile(`k8s\.io/(api|apimachinery/pkg/apis|apimachinery/pkg/api|apimachinery/pkg/util|apimachinery/pkg)/`)
)

// lines are the lines about a type, by its name.
var lines = map[string][]string{}

func main() {
	scheme := runtime.NewScheme()
	for _, add := range groups {
		if err := add(scheme); err != nil {
			panic(err)
		}
	}
	var kinds []string
	for gvk, of := range scheme.AllKnownTypes() {
		if meta, ok := of.FieldByName("ObjectMeta"); ok && meta.Type == objectMeta && gvk.Version != runtime.APIVersionInternal {
			kinds = append(kinds, fmt.Sprintf("%s %s", apiVersion(gvk.GroupVersion()), name(of)))
			visit(of)
		}
	}
	sort.Strings(kinds)
	fmt.Println("# The kinds of Kubernetes 1.37 with their types, then the types with their fields; printed by tests/oracle/types.")
	fmt.Println(strings.Join(kinds, "\n"))
	var names []string
	for name := range lines {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Printf("\n%s\n", strings.Join(lines[name], "\n"))
	}
}

func apiVersion(version schema.GroupVersion) string { return version.String() }

// name is a type's as Go has it, with as much of the package's path as tells it apart.
func name(of reflect.Type) string {
	switch {
	case of.Name() != "" && of.PkgPath() != "":
		return path.ReplaceAllString(of.PkgPath()+"."+of.Name(), "")
	case of.Kind() == reflect.Pointer:
		return "*" + name(of.Elem())
	case of.Kind() == reflect.Slice:
		return "[]" + name(of.Elem())
	case of.Kind() == reflect.Map:
		return fmt.Sprintf("map[%s]%s", name(of.Key()), name(of.Elem()))
	default:
		return of.String()
	}
}

// visit notes what is to be said of a type and of those in it.
func visit(of reflect.Type) {
	named := of.Name() != "" && of.PkgPath() != ""
	if _, known := lines[name(of)]; known || !named && of.Name() != "" {
		return
	}
	switch {
	case named && (of.Implements(unmarshals) || reflect.PointerTo(of).Implements(unmarshals)):
		lines[name(of)] = []string{name(of) + " = custom"}
	case of.Kind() == reflect.Struct:
		lines[name(of)] = nil
		lines[name(of)] = append([]string{name(of)}, fields(of, "")...)
	case named && of.Kind() != reflect.Map && of.Kind() != reflect.Slice:
		lines[name(of)] = []string{fmt.Sprintf("%s = %s", name(of), of.Kind())}
	default:
		if named {
			lines[name(of)] = []string{fmt.Sprintf("%s = %s", name(of), underlying(of))}
		}
		if of.Kind() == reflect.Map {
			visit(of.Key())
		}
		visit(of.Elem())
	}
}

func underlying(of reflect.Type) string {
	if of.Kind() == reflect.Map {
		return fmt.Sprintf("map[%s]%s", name(of.Key()), name(of.Elem()))
	}
	return "[]" + name(of.Elem())
}

// fields are those of a struct: `key type`, `key? type` if it is left out when empty, `key?? type` when zero; one of an
// embedded struct is `Embedded.key`.
func fields(of reflect.Type, within string) (found []string) {
	for i := 0; i < of.NumField(); i++ {
		field := of.Field(i)
		key, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous && key == "" {
			found = append(found, fields(field.Type, within+field.Name+".")...)
			continue
		}
		if key == "-" || key == "" {
			continue
		}
		mark := ""
		if strings.Contains(options, "omitzero") {
			mark = "??"
		} else if strings.Contains(options, "omitempty") {
			mark = "?"
		}
		found = append(found, fmt.Sprintf("  %s%s%s %s", within, key, mark, name(field.Type)))
		visit(field.Type)
	}
	return found
}

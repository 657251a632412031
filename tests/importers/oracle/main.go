// What the PodSecurityPolicy admission of Kubernetes 1.24, the last that had it, says of a pod.
//
// Lines of JSON in, {"psp": PodSecurityPolicy, "pod": Pod}; lines of JSON out: "refused", why an API server would not
// have taken the policy, or "allowed", with the "errors" of a denial.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
	policyv1beta1 "k8s.io/api/policy/v1beta1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/kubernetes/pkg/apis/core"
	v1 "k8s.io/kubernetes/pkg/apis/core/v1"
	"k8s.io/kubernetes/pkg/apis/policy"
	"k8s.io/kubernetes/pkg/apis/policy/v1beta1"
	"k8s.io/kubernetes/pkg/apis/policy/validation"
	"k8s.io/kubernetes/pkg/security/podsecuritypolicy"
)

type question struct {
	PSP policyv1beta1.PodSecurityPolicy `json:"psp"`
	Pod corev1.Pod                      `json:"pod"`
}

type answer struct {
	Refused string `json:"refused,omitempty"`
	Allowed bool   `json:"allowed"`
	Errors  string `json:"errors,omitempty"`
}

func answered(line []byte) answer {
	var asked question
	if err := json.Unmarshal(line, &asked); err != nil {
		return answer{Refused: err.Error()}
	}
	v1beta1.SetObjectDefaults_PodSecurityPolicy(&asked.PSP)
	var psp policy.PodSecurityPolicy
	if err := v1beta1.Convert_v1beta1_PodSecurityPolicy_To_policy_PodSecurityPolicy(&asked.PSP, &psp, nil); err != nil {
		return answer{Refused: err.Error()}
	}
	faults := validation.ValidatePodSecurityPolicySpec(&psp.Spec, field.NewPath("spec"))
	annotations := field.NewPath("metadata", "annotations")
	faults = append(faults, validation.ValidatePodSecurityPolicySpecificAnnotations(psp.Annotations, annotations)...)
	if len(faults) > 0 {
		return answer{Refused: faults.ToAggregate().Error()}
	}
	factory := podsecuritypolicy.NewSimpleStrategyFactory()
	provider, err := podsecuritypolicy.NewSimpleProvider(&asked.PSP, asked.Pod.Namespace, factory)
	if err != nil {
		return answer{Refused: err.Error()}
	}
	v1.SetObjectDefaults_Pod(&asked.Pod)
	var pod core.Pod
	if err := v1.Convert_v1_Pod_To_core_Pod(&asked.Pod, &pod, nil); err != nil {
		return answer{Refused: err.Error()}
	}
	if err := provider.MutatePod(&pod); err != nil {
		return answer{Errors: err.Error()}
	}
	if errs := provider.ValidatePod(&pod); len(errs) > 0 {
		return answer{Errors: errs.ToAggregate().Error()}
	}
	return answer{Allowed: true}
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<24)
	for lines.Scan() {
		written, err := json.Marshal(answered(lines.Bytes()))
		if err != nil {
			panic(err)
		}
		fmt.Println(string(written))
	}
}

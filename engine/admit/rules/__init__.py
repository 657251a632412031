"""What people write, and what it comes to in plain CEL.

| module | what it is |
| --- | --- |
| yaml, scalars | YAML as Kubernetes reads it, each value with its place |
| shapes, fields, read | the fields of rule files as data; a document read by them |
| model, settings, schema | policies, bindings and data; settings schemas, and values held against them |
| load, sense, profiles | documents to a rule set; what makes no sense; policies that stand for others |
| upstream | the API server's own policies and bindings |
| constraints, paths, lower | a binding's rules in plain CEL, and where in the object their values are |
| workloads, restate | the kinds that carry a pod; a policy about pods, restated for one of them |
| plain, patches | messages and writes as one expression |
| terms, names, change | CEL that no author wrote; names replaced; expressions changed |
"""

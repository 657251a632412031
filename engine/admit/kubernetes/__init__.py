"""What an API server knows of its kinds.

| module | what it is |
| --- | --- |
| types, decode, defaults | the fields of built-in kinds; objects read and written; what is filled in |
| fitting | whether an object has the JSON types of its kind, at a glance |
| normalise | a manifest brought to what admission sees of it |
| validate | what is wrong with policies and their bindings, expressions apart |
| schemas, structure | the OpenAPI schemas of kinds; how what they describe merges |
| merge, native, json_patch | the two ways to mutate an object; values of CEL as Go has them |
| typecheck | warnings about the expressions of a policy, by the schemas of what it matches |
| equivalents | resources that are one, in several groups or versions |
"""

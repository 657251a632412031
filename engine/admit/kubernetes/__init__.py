"""What an API server knows of its kinds.

| module | what it is |
| --- | --- |
| types, decode, defaults | the fields of built-in kinds; objects read and written; what is filled in |
| normalise | a manifest brought to what admission sees of it |
| validate | what is wrong with policies and their bindings, expressions apart |
| schemas, structure | OpenAPI of kinds; objects as these declare them |
| merge, json_patch | the two ways to mutate an object |
| typecheck | warnings about the expressions of a policy, by the schemas of what it matches |
| equivalents | resources that are one, in several groups or versions |
"""

"""What is left to do when a request comes: planned before it does, for each route.

| module | what it is |
| --- | --- |
| ir, show | the plan, as data and as text |
| match, params | which requests a policy is about; its parameter objects |
| simplify, build | expressions for one binding and one route; bindings to a plan |
| share | many conditions as one |
| link | the functions of a plan, asked first: does everything hold? |
| reads, projection | what they read of an object; only that is made of its JSON |
| sieve | which rules fail, in one pass |
| expressions, failure | a step's single expressions; what its rules find, in words and as places |
| run | a step gone through in full |
| write, patch | mutations carried out |
| composed, validating | the API server's policies, to the letter |
"""

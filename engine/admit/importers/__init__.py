"""Policies of other projects, read as rule sets.

| module | what it is |
| --- | --- |
| modules | the names of Kubewarden's modules |
| cel_policy | the one of its policies whose settings are rules |
| kubewarden | its documents, and policies.yml of its policy-server |
| psp | PodSecurityPolicy objects |
"""

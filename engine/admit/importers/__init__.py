"""Policies of other projects, read as rule sets.

| module | what it is |
| --- | --- |
| modules | the names of Kubewarden's modules |
"""

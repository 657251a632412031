"""Pod Security Admission: the levels of Kubernetes' Pod Security Standards, and the controller that labels steer.

| module | what it is |
| --- | --- |
| levels | a level and a version: `restricted:v1.31` |
| profiles | what the checks of a level say of a pod: `evaluate` |
| policy | what the labels of a namespace ask for |
| configuration | PodSecurityConfiguration documents |
| cluster | the namespaces and pods that are known |
| metrics | what is counted |
| objects | what is read of pods, of what makes them, and of namespaces |
| existing | whether the pods of a namespace fit its new level |
| controller | a request in, a Decision out, in the API server's words |
"""

from __future__ import annotations

from admit.podsecurity.profiles import Failure, Result, evaluate

__all__ = ["Failure", "Result", "evaluate"]

# The server as an image: rules mounted at /rules, the key pair wherever the options of `admit serve` name it.
#
#   docker build -t admit .
#   docker run --read-only --tmpfs /tmp -p 8443:8443 -v "$PWD/rules:/rules:ro" -v "$PWD/tls:/tls:ro" admit \
#       --cert /tls/tls.crt --key /tls/tls.key

FROM python:3.12-slim AS build
WORKDIR /source
COPY . .
RUN deploy/docker/install.sh /opt/admit && install -m 755 deploy/docker/start.sh /opt/admit/bin/start

FROM python:3.12-slim
COPY --from=build /opt/admit /opt/admit
# A read-only root file system needs no bytecode written, and no home.
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/nonexistent
USER 65532:65532
EXPOSE 8443
ENTRYPOINT ["/opt/admit/bin/start"]

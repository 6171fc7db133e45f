# The Tessera API and command line. Packages come from requirements.lock in a build stage; the image that runs has neither
# compiler nor installer, and no root. EXTRAS: neo4j (default), or neo4j,gnn,text for training and tagging.
FROM python:3.11-slim AS build
ARG EXTRAS=neo4j
RUN pip install --no-cache-dir uv && uv venv /opt/tessera
WORKDIR /build
COPY pyproject.toml requirements.lock ./
RUN uv pip install --python /opt/tessera/bin/python --no-cache --constraint requirements.lock --requirement pyproject.toml \
    $(echo "$EXTRAS" | tr ',' '\n' | sed 's/^/--extra /')
COPY README.md LICENSE ./
COPY cypher cypher
COPY graph graph
COPY gnn gnn
COPY api api
RUN uv pip install --python /opt/tessera/bin/python --no-cache --no-deps .

FROM python:3.11-slim
RUN useradd --uid 10001 --create-home tessera && install --directory --owner tessera --group tessera --mode 0700 /var/lib/tessera
COPY --from=build /opt/tessera /opt/tessera
ENV PATH=/opt/tessera/bin:$PATH PYTHONUNBUFFERED=1 TESSERA_HOME=/var/lib/tessera TESSERA_HOST=0.0.0.0
USER tessera
WORKDIR /var/lib/tessera
VOLUME /var/lib/tessera
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=6 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["tessera", "serve"]

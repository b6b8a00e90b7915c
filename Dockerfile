# The product (target `app`, the default), the same with the training packages (`train`), and MLflow (`mlflow`).

FROM python:3.11-slim AS packages
ENV UV_PROJECT_ENVIRONMENT=/app/.venv UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
RUN pip install --no-cache-dir uv==0.13.8
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-default-groups --extra s3 --extra otel --no-cache
COPY locale locale
RUN .venv/bin/pybabel compile --directory locale

FROM packages AS training-packages
RUN uv sync --frozen --no-default-groups --extra s3 --extra otel --extra train --no-cache

FROM node:24-slim AS vendor
WORKDIR /app
COPY package.json package-lock.json ./
COPY tools/npm tools/vendor tools/
RUN tools/vendor

FROM python:3.11-slim AS mlflow
RUN pip install --no-cache-dir mlflow==3.17.2
RUN useradd --uid 10001 --create-home mlflow && install --directory --owner mlflow /mlflow
USER mlflow
VOLUME /mlflow
EXPOSE 5000

FROM python:3.11-slim AS product
RUN apt-get update && apt-get install --yes --no-install-recommends tesseract-ocr tesseract-ocr-fra \
  && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --create-home chevet && install --directory --owner chevet --mode 700 /data
WORKDIR /app
COPY --from=vendor /app/static/vendor static/vendor
COPY alembic.ini pyproject.toml ./
COPY migrations migrations
COPY static static
COPY templates templates
COPY ml ml
COPY schema schema
COPY server server
COPY --from=packages /app/locale locale
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 CHEVET_ENV=production CHEVET_DATA_DIR=/data
USER chevet
VOLUME /data
EXPOSE 8000
HEALTHCHECK --start-period=30s CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health', timeout=3)"]
CMD ["python", "-m", "server", "serve", "--host", "0.0.0.0", "--port", "8000"]

FROM product AS train
COPY --from=training-packages /app/.venv .venv

FROM product AS app
COPY --from=packages /app/.venv .venv

# One image for every service; the command says which: `node dist/ingest/main.js`, `node dist/transcoder/main.js` …
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN npm run build && npm prune --omit=dev

FROM node:24-bookworm-slim
RUN apt-get update \
  && apt-get install -y --no-install-recommends ffmpeg fonts-dejavu-core \
  && rm -rf /var/lib/apt/lists/* \
  && install -d -o node -g node /data
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/player/dist player/dist
COPY --from=build /app/control/room/dist control/room/dist
COPY --from=build /app/dist dist
ENV NODE_ENV=production DATA_DIR=/data BIND_HOST=0.0.0.0
USER node
EXPOSE 1935 8080 8081 8082 9100
CMD ["node", "--enable-source-maps", "dist/ingest/main.js"]

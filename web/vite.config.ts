import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** The gateway that `npm run dev` talks to. */
const gateway = process.env.REFITY_GATEWAY ?? "http://127.0.0.1:8080";

/** Puts `.br` and `.gz` beside each file, so that the gateway never compresses. */
function precompressed(): Plugin {
  return {
    name: "precompressed",
    apply: "build",
    closeBundle() {
      const files = readdirSync("dist", { recursive: true, encoding: "utf8" });
      for (const file of files.map((name) => join("dist", name))) {
        if (!/\.(js|css|html|svg)$/.test(file) || !statSync(file).isFile()) continue;
        const bytes = readFileSync(file);
        writeFileSync(`${file}.br`, brotliCompressSync(bytes));
        writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  plugins: [react(), precompressed()],
  build: {
    target: "es2022",
    // The policy allows no data: URLs but images; and small files cache as well.
    assetsInlineLimit: 0,
    // One file packs to two thirds of what twenty small ones do, and comes at once.
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    // What `npm run size` reads.
    manifest: true,
  },
  server: {
    proxy: {
      "/api": {
        target: gateway,
        changeOrigin: true,
        // The gateway takes a cookie from its own pages only.
        configure: (proxy) =>
          proxy.on("proxyReq", (request) => request.setHeader("origin", gateway)),
      },
    },
  },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.{ts,tsx}"],
    restoreMocks: true,
  },
});

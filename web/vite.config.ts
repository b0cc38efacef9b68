import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** The gateway behind `npm run dev`. */
const gateway = process.env.REFITY_GATEWAY ?? "http://127.0.0.1:8080";

/** Writes `.br` and `.gz` files, so the gateway never compresses. */
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
    // The policy allows data: URLs only for images.
    assetsInlineLimit: 0,
    // One file compresses to two thirds of twenty small ones and needs one request.
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    // Read by `npm run size`.
    manifest: true,
  },
  server: {
    proxy: {
      "/api": {
        target: gateway,
        changeOrigin: true,
        // The gateway accepts cookies only from its own origin.
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

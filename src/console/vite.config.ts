import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// `npm run dev` serves the console with hot reload and hands the API's paths to `make dev`.
const api = process.env.ATT_API ?? "http://127.0.0.1:7443";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  build: {
    target: "es2023",
    // Inline data: URLs and module-preload polyfills would need exceptions in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    reportCompressedSize: true,
    license: { fileName: "assets/licenses.md" },
  },
  server: {
    port: 5173,
    strictPort: true,
    proxy: {
      // The Host header stays this server's, so that the API sees pages and requests of one origin.
      "/api": { target: api, ws: true, changeOrigin: false },
      "/healthz": api,
      "/readyz": api,
    },
  },
  test: {
    // Decisions and protocols; what is drawn is tested in a real browser by tests/console.
    environment: "node",
    include: ["src/**/*.test.ts"],
    restoreMocks: true,
  },
});

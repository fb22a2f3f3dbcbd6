import "./styles.css";
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { asProblem } from "./api/problem";
import { reconnectDelay } from "./live/decision";
import { makeRouter, sessionOver } from "./router";
import { me } from "./shell/session";

// The appliance is away for seconds at a restart, for a minute or two at a boot: keep asking that long.
const TRIES_MAX = 30;
const RETRY_MS_MAX = 4_000;

const onError = (error: unknown) => {
  if (!sessionOver(error) || queries.getQueryData(me.queryKey) == null) return;
  queries.setQueryData(me.queryKey, null);
  const next = router.state.location.href;
  router.navigate({ to: "/sign-in", search: { ended: true, ...(next === "/" ? {} : { next }) } });
};

const queries = new QueryClient({
  queryCache: new QueryCache({ onError }),
  mutationCache: new MutationCache({ onError }),
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      networkMode: "always",
      retry: (failures, error) => asProblem(error).passing && failures < TRIES_MAX,
      retryDelay: (failures, error) =>
        Math.min(
          RETRY_MS_MAX,
          Math.max((asProblem(error).retryAfterSeconds ?? 0) * 1000, reconnectDelay(failures, Math.random())),
        ),
    },
    mutations: { networkMode: "always", retry: false },
  },
});
const router = makeRouter(queries);

// After an upgrade an open page may ask for a part that only the former release has: load the page anew, once.
window.addEventListener("vite:preloadError", (event) => {
  if (sessionStorage.getItem("att-reloaded") === window.location.href) return;
  sessionStorage.setItem("att-reloaded", window.location.href);
  event.preventDefault();
  window.location.reload();
});

const place = document.getElementById("root");
if (place === null) throw new Error("index.html has no #root");
createRoot(place).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);

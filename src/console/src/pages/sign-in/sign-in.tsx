import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Tabs } from "radix-ui";
import { type FormEvent, useEffect, useState } from "react";
import { body, client } from "../../api/client";
import { Button } from "../../parts/button";
import { Field } from "../../parts/field";
import { Note, ProblemNote } from "../../parts/note";
import { Door } from "../../shell/door";
import { me } from "../../shell/session";

const TAB =
  "h-8 flex-1 cursor-pointer rounded-sm text-sm font-medium text-muted hover:text-ink data-[state=active]:bg-panel data-[state=active]:text-ink data-[state=active]:shadow-sm";

export function SignInPage() {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const { next, ended } = useSearch({ from: "/sign-in" });
  const [way, setWay] = useState("password");
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [token, setToken] = useState("");
  useEffect(() => {
    document.title = "Sign in – ATT";
  }, []);
  const signIn = useMutation({
    mutationFn: () =>
      body(
        client.POST("/api/v1/auth/sign-in", {
          body: way === "token" ? { token: token.trim() } : { name: name.trim(), password },
        }),
      ),
    onSuccess: async () => {
      queries.removeQueries({ queryKey: me.queryKey });
      await navigate({ href: next ?? "/", replace: true });
    },
    onSettled: () => {
      setPassword("");
      setToken("");
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    signIn.mutate();
  };
  return (
    <Door title="Sign in">
      <form onSubmit={submit} className="flex flex-col gap-3.5">
        {ended && !signIn.isError ? (
          <Note tone="still" title="Your session has ended. Sign in to go on where you were." />
        ) : null}
        <Tabs.Root
          value={way}
          onValueChange={(value) => {
            setWay(value);
            signIn.reset();
          }}
          className="flex flex-col gap-3.5"
        >
          <Tabs.List aria-label="How to sign in" className="flex gap-1 rounded-md bg-sunken p-0.5">
            <Tabs.Trigger value="password" className={TAB}>
              Name and password
            </Tabs.Trigger>
            <Tabs.Trigger value="token" className={TAB}>
              Token
            </Tabs.Trigger>
          </Tabs.List>
          <Tabs.Content value="password" tabIndex={-1} className="flex flex-col gap-3.5">
            <Field
              label="Name"
              name="username"
              required
              autoFocus
              autoComplete="username"
              spellCheck={false}
              autoCapitalize="none"
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
            <Field
              label="Password"
              name="password"
              type="password"
              required
              autoComplete="current-password"
              value={password}
              onChange={(event) => setPassword(event.target.value)}
            />
          </Tabs.Content>
          <Tabs.Content value="token" tabIndex={-1}>
            <Field
              label="API token"
              name="token"
              type="password"
              required
              autoComplete="off"
              spellCheck={false}
              className="mono"
              value={token}
              onChange={(event) => setToken(event.target.value)}
              hint={
                <>
                  Starts with <span className="mono">att_</span>. It is exchanged for a session and not kept in the
                  browser.
                </>
              }
            />
          </Tabs.Content>
        </Tabs.Root>
        {signIn.isError ? <ProblemNote error={signIn.error} /> : null}
        <Button type="submit" look="primary" busy={signIn.isPending}>
          {signIn.isPending ? "Signing in…" : "Sign in"}
        </Button>
      </form>
    </Door>
  );
}

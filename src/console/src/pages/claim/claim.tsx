import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useEffect, useState } from "react";
import { body, client } from "../../api/client";
import { asProblem } from "../../api/problem";
import { Button } from "../../parts/button";
import { Field } from "../../parts/field";
import { ProblemNote } from "../../parts/note";
import { Door } from "../../shell/door";
import { PASSWORD_CHARS_MIN, passwordFault } from "./decision";

export function ClaimPage() {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [code, setCode] = useState("");
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const [tried, setTried] = useState(false);
  useEffect(() => {
    document.title = "Claim this appliance – ATT";
  }, []);
  const claim = useMutation({
    mutationFn: () =>
      body(client.POST("/api/v1/auth/claim", { body: { code: code.trim(), name: name.trim(), password } })),
    onSuccess: async () => {
      queries.removeQueries({ queryKey: ["auth"] });
      await navigate({ to: "/", replace: true });
    },
  });
  const problem = claim.isError ? asProblem(claim.error) : undefined;
  const fault = passwordFault(password);
  const differs = password !== again;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (fault === undefined && !differs) claim.mutate();
  };
  const of = (field: string) => (problem?.field === field ? problem.message : undefined);
  return (
    <Door
      title="Claim this appliance"
      note="Nobody owns it yet. Make the first admin; after that this page is closed for good."
    >
      <form onSubmit={submit} noValidate className="flex flex-col gap-3.5">
        <Field
          label="Claim code"
          name="code"
          required
          autoFocus
          autoComplete="one-time-code"
          spellCheck={false}
          autoCapitalize="characters"
          className="mono"
          value={code}
          onChange={(event) => setCode(event.target.value)}
          error={of("code")}
          hint="Shown on the serial console at boot. A first token given by cloud-init works too."
        />
        <Field
          label="Name"
          name="username"
          required
          autoComplete="username"
          spellCheck={false}
          autoCapitalize="none"
          value={name}
          onChange={(event) => setName(event.target.value)}
          error={of("name")}
        />
        <Field
          label="Password"
          name="password"
          type="password"
          required
          minLength={PASSWORD_CHARS_MIN}
          autoComplete="new-password"
          value={password}
          onChange={(event) => setPassword(event.target.value)}
          error={(tried ? fault : undefined) ?? of("password")}
          hint={`${PASSWORD_CHARS_MIN} characters or more. Any characters; four random words are better than one clever one.`}
        />
        <Field
          label="Password again"
          name="password-again"
          type="password"
          required
          autoComplete="new-password"
          value={again}
          onChange={(event) => setAgain(event.target.value)}
          error={tried && !fault && differs ? "The two are not the same." : undefined}
        />
        {problem && !["code", "name", "password"].includes(problem.field ?? "") ? (
          <ProblemNote error={problem} />
        ) : null}
        <Button type="submit" look="primary" busy={claim.isPending}>
          {claim.isPending ? "Claiming…" : "Claim appliance"}
        </Button>
      </form>
    </Door>
  );
}

import { Link, useRouter } from "@tanstack/react-router";
import { asProblem } from "../api/problem";
import { Button, buttonClass } from "../parts/button";
import { ProblemNote } from "../parts/note";
import { Page } from "../parts/panel";

export function NotFound() {
  return (
    <main className="mx-auto max-w-2xl px-4 py-10">
      <Page title="No such page" note="The address may be mistyped, or the page belongs to another release.">
        <div>
          <Link to="/" className={buttonClass("primary")}>
            Go to the overview
          </Link>
        </div>
      </Page>
    </main>
  );
}

/** A page that could not be shown: the appliance is away, or the console itself is at fault. */
export function Broken({ error }: { error: unknown }) {
  const router = useRouter();
  const problem = asProblem(error);
  return (
    <div className="mx-auto max-w-2xl px-4 py-10">
      <Page title={problem.passing ? "Waiting for the appliance" : "This page cannot be shown"}>
        <ProblemNote error={problem} />
        <div className="flex gap-2">
          <Button look="primary" onClick={() => router.invalidate()}>
            Try again
          </Button>
          <Button onClick={() => window.location.reload()}>Reload</Button>
        </div>
      </Page>
    </div>
  );
}

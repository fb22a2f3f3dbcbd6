import { Page } from "../../parts/panel";
export function ReleasesPage() {
  return <Page title="releases">.</Page>;
}

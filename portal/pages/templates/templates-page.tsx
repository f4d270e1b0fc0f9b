import { PageHead } from "../../ui/blocks.tsx";

export default function TemplatesPage() {
  return <PageHead title="Templates" />;
}

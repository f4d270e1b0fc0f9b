import { Component, type ComponentChildren } from "preact";
import { PageHead, Trouble } from "./ui/blocks.tsx";

interface BoundaryProps {
  /** The address of the page; another one is another try. */
  path: string;
  children: ComponentChildren;
}

interface BoundaryState {
  failure?: { error: unknown } | undefined;
}

/** Says that a page failed, in its place, so that the others go on. */
export class Boundary extends Component<BoundaryProps, BoundaryState> {
  static override getDerivedStateFromError(error: unknown): BoundaryState {
    return { failure: { error } };
  }

  override componentDidUpdate({ path }: BoundaryProps): void {
    if (path !== this.props.path && this.state.failure) this.setState({ failure: undefined });
  }

  override render({ children }: BoundaryProps, { failure }: BoundaryState): ComponentChildren {
    if (!failure) return children;
    return (
      <>
        <PageHead title="This page cannot be shown" />
        <Trouble error={failure.error} onRetry={() => this.setState({ failure: undefined })} />
      </>
    );
  }
}

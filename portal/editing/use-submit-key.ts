import { useEffect, useRef } from "preact/hooks";
import { sayInToast } from "../ui/toast.tsx";

/** Ctrl-Enter or Cmd-Enter anywhere on the page; in an editor it is a key of the editor. */
export function useSubmitKey(submit: () => unknown): void {
  const latest = useRef(submit);
  latest.current = submit;
  useEffect(() => {
    const press = async (event: KeyboardEvent) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.defaultPrevented) return;
      event.preventDefault();
      try {
        await latest.current();
      } catch (error) {
        sayInToast(error);
      }
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
}

import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "./icon.tsx";
import { sayInToast } from "./toast.tsx";

/** One of the actions of a menu. If it fails, a message says why. */
export function MenuButton(props: { icon: IconName; children: ComponentChildren; onClick(): unknown }) {
  const press = async () => {
    try {
      await props.onClick();
    } catch (error) {
      sayInToast(error);
    }
  };
  return (
    <button type="button" onClick={press}>
      <Icon name={props.icon} />
      {props.children}
    </button>
  );
}

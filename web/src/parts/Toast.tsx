import { Toast } from "@base-ui/react/toast";
import { CircleCheck, CircleX, X } from "lucide-react";
import { text } from "../text";
import { IconButton } from "./Button";
import { cx } from "./class";
import { Icon } from "./Icon";
import s from "./Toast.module.css";

const manager = Toast.createToastManager();

/** Says what was done, for a while. */
export const say = (words: string) => manager.add({ description: words, type: "done" });
/** Says what went wrong where no one looks; readers hear it at once. */
export const warn = (words: string) =>
  manager.add({ description: words, type: "bad", priority: "high", timeout: 15_000 });

export function Toasts() {
  return (
    <Toast.Provider toastManager={manager} limit={3}>
      <Toast.Portal>
        <Toast.Viewport className={s.place}>
          <List />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}

function List() {
  const { toasts } = Toast.useToastManager();
  return toasts.map((toast) => (
    <Toast.Root key={toast.id} toast={toast} className={s.toast}>
      <Toast.Content className={cx(s.content, toast.type === "bad" && s.bad)}>
        <Icon of={toast.type === "bad" ? CircleX : CircleCheck} />
        <Toast.Description className={s.words} />
        <Toast.Close
          render={<IconButton kind="plain" small icon={X} label={text.shared.close} />}
        />
      </Toast.Content>
    </Toast.Root>
  ));
}

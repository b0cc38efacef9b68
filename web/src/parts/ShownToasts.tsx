import { Toast } from "@base-ui/react/toast";
import { CircleCheck, CircleX, X } from "lucide-react";
import { useEffect, useRef } from "react";
import { text } from "../text";
import { IconButton } from "./Button";
import { cx } from "./class";
import { Icon } from "./Icon";
import s from "./ShownToasts.module.css";

export type Said = { id: number; words: string; bad: boolean };

const manager = Toast.createToastManager();

export default function ShownToasts({ said }: { said: Said[] }) {
  const shown = useRef(0);
  useEffect(() => {
    for (const { words, bad } of said.slice(shown.current)) {
      if (bad) manager.add({ title: words, type: "bad", priority: "high", timeout: 15_000 });
      else manager.add({ title: words, type: "done" });
    }
    shown.current = said.length;
  }, [said]);
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
        <Toast.Title render={<p />} className={s.words} />
        <Toast.Close
          render={<IconButton kind="plain" small icon={X} label={text.shared.close} />}
        />
      </Toast.Content>
    </Toast.Root>
  ));
}

import { Tabs as Base } from "@base-ui/react/tabs";
import { type ReactNode, useEffect, useRef } from "react";
import { useSearchParams } from "wouter";
import s from "./Tabs.module.css";

type Tab = { id: string; name: string; count?: string; content: () => ReactNode };

/** Tabs kept in the URL (`?tab=layers`), so they can be linked to. */
export function Tabs({ label, tabs }: { label: string; tabs: Tab[] }) {
  const [params, setParams] = useSearchParams();
  const named = params.get("tab");
  const at = tabs.some((tab) => tab.id === named) ? named : tabs[0]?.id;
  const choose = (id: string) =>
    setParams(
      (old) => {
        const next = new URLSearchParams(old);
        if (id === tabs[0]?.id) next.delete("tab");
        else next.set("tab", id);
        return next;
      },
      { replace: true },
    );
  const list = useRef<HTMLDivElement>(null);
  // On a phone, not all tabs fit.
  useEffect(() => {
    const show = () => {
      const tab = list.current?.querySelector(`[data-tab="${at}"]`);
      tab?.scrollIntoView({ block: "nearest", inline: "center" });
    };
    show();
    addEventListener("resize", show);
    return () => removeEventListener("resize", show);
  }, [at]);
  return (
    <Base.Root value={at} onValueChange={choose}>
      <Base.List ref={list} className={s.list} aria-label={label} activateOnFocus>
        {tabs.map((tab) => (
          <Base.Tab key={tab.id} value={tab.id} data-tab={tab.id} className={s.tab}>
            {tab.name}
            {tab.count && <span className={s.count}>{tab.count}</span>}
          </Base.Tab>
        ))}
      </Base.List>
      {tabs.map((tab) => (
        <Base.Panel key={tab.id} value={tab.id} className={s.panel}>
          {tab.content()}
        </Base.Panel>
      ))}
    </Base.Root>
  );
}

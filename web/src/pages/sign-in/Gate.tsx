import { type ReactNode, useEffect } from "react";
import { Mark } from "../../app/Brand";
import { Muted } from "../../parts/Text";
import s from "./Gate.module.css";

type GateProps = {
  title: string;
  heading: string;
  below: ReactNode;
  foot?: ReactNode;
  children: ReactNode;
};

/** The layout of the sign-in pages. */
export function Gate({ title, heading, below, foot, children }: GateProps) {
  useEffect(() => {
    document.title = `${title} · Refity`;
  }, [title]);
  return (
    <main className={s.gate}>
      <div className={s.box}>
        <div className={s.brand}>
          <Mark size={40} />
          <div>
            <h1>{heading}</h1>
            <Muted>{below}</Muted>
          </div>
        </div>
        {children}
      </div>
      {foot && <p className={s.foot}>{foot}</p>}
    </main>
  );
}

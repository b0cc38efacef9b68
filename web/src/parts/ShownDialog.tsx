import { Dialog as Base } from "@base-ui/react/dialog";
import { cx } from "./class";
import type { DialogProps } from "./Dialog";
import s from "./ShownDialog.module.css";

export default function ShownDialog(props: DialogProps) {
  const { open, onClose, title, narrow, high, focus, foot, children } = props;
  return (
    <Base.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Base.Portal>
        <Base.Backdrop className={s.scrim} />
        <Base.Viewport className={cx(s.place, high && s.high)}>
          <Base.Popup className={cx(s.dialog, narrow && s.narrow)} initialFocus={focus}>
            <Base.Title className={s.title}>{title}</Base.Title>
            <div className={s.body}>{children}</div>
            {foot && <div className={s.foot}>{foot}</div>}
          </Base.Popup>
        </Base.Viewport>
      </Base.Portal>
    </Base.Root>
  );
}

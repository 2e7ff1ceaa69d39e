# The first slot of the order that is good, or has a try left and one less from now on; the first if none has.
setenv slot
setenv counted
for s in ${BOOT_ORDER} a b; do
  if test -n "${slot}"; then
    true
  elif test "${s}" = a; then
    if test "${BOOT_a_OK}" = 1; then
      setenv slot a
    elif test 0x0${BOOT_a_LEFT} -gt 0; then
      setexpr BOOT_a_LEFT ${BOOT_a_LEFT} - 1
      setenv slot a
      setenv counted 1
    fi
  elif test "${s}" = b; then
    if test "${BOOT_b_OK}" = 1; then
      setenv slot b
    elif test 0x0${BOOT_b_LEFT} -gt 0; then
      setexpr BOOT_b_LEFT ${BOOT_b_LEFT} - 1
      setenv slot b
      setenv counted 1
    fi
  fi
done
for s in ${BOOT_ORDER} a b; do
  if test -n "${slot}"; then
    true
  elif test "${s}" = a -o "${s}" = b; then
    setenv slot ${s}
  fi
done
if test -n "${counted}"; then
  setenv counted
  saveenv
fi
if test "${slot}" = a; then setenv part 2; else setenv part 3; fi
setenv bootargs "${bootargs} root=/dev/mmcblk0p${part} edgekit.slot=${slot}"
load mmc 0:${part} ${kernel_addr_r} /boot/Image
load mmc 0:${part} ${fdt_addr_r} /boot/board.dtb
booti ${kernel_addr_r} - ${fdt_addr_r}
# What does not load uses up its tries like what does not run.
reset

"""What scripts/vm-ota is made of: a disk with a real boot loader, a machine that records its writes, power cuts."""

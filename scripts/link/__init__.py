"""What stands between the compiler's object and the linker: smaller tables of unwinding."""

// Goes before each file of Luau's C++ (.cargo/config.toml): functions that take the place of what a file would carry
// for nothing. A linker takes a function of a library only if nobody has it yet.

// An exception of C++ that nobody catches ends the process with its type's name. To print that name as it was written,
// the C++ library of a static file brings a demangler of 170 KB; without it, it prints the name as it is.
#ifdef __clang__
extern "C" __attribute__((weak)) char* __cxa_demangle(const char*, char*, decltype(sizeof 0)*, int* status)
{
    if (status)
        *status = -1;
    return nullptr;
}
#endif

// mlua makes a `require` for each VM, and the sandbox takes it away before any script runs (vm/sandbox.rs): Luau's way
// through folders and their configuration is never gone. What mlua wants is a function with an upvalue of its own.
#if !__has_include("Luau/Require.h") && !defined(LUAJITINLINER_API)
struct lua_State;
extern "C" void lua_createtable(lua_State*, int, int);
extern "C" void lua_pushcclosurek(lua_State*, int (*)(lua_State*), const char*, int, int (*)(lua_State*, int));

static inline int edgekit_require(lua_State*)
{
    return 0;
}

extern "C" __attribute__((weak)) int luarequire_pushproxyrequire(lua_State* state, void (*)(void*), void*)
{
    lua_createtable(state, 0, 0);
    lua_pushcclosurek(state, edgekit_require, "require", 1, nullptr);
    return 1;
}
#endif

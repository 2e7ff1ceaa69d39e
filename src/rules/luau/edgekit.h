// Goes before each file of Luau's C++: .cargo/config.toml.
//
// An exception of C++ that nobody catches ends the process with its type's name. To print that name as it was written,
// the C++ library of a static file brings a demangler of 170 KB, taken only if nothing else has this function.
#ifdef __clang__
extern "C" __attribute__((weak)) char* __cxa_demangle(const char*, char*, decltype(sizeof 0)*, int* status)
{
    if (status)
        *status = -1;
    return nullptr;
}
#endif

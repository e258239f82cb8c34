"""Which names C lets a program declare."""

import re

_C99 = """auto break case char const continue default do double else enum extern float for goto
if inline int long register restrict return short signed sizeof static struct switch
typedef union unsigned void volatile while"""
_CPP = """alignas alignof and and_eq asm bitand bitor bool catch char16_t char32_t class compl
const_cast constexpr decltype delete dynamic_cast explicit export false friend mutable
namespace new noexcept not not_eq nullptr operator or or_eq private protected public
reinterpret_cast static_assert static_cast template this thread_local throw true try
typeid typename using virtual wchar_t xor xor_eq"""
KEYWORDS = frozenset(f"{_C99} {_CPP} NULL".split())
"""Names that C keeps for itself, or C++, which reads the headers."""

_MATH = """acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp2
expm1 fabs fdim floor fma fmax fmin fmod frexp hypot ilogb ldexp lgamma llrint llround
log log10 log1p log2 logb lrint lround modf nan nearbyint nextafter pow remainder
remquo rint round scalbn sin sinh sqrt tan tanh tgamma trunc"""
_GENERAL = """abort abs atexit atof atoi atol bsearch calloc div exit free getenv labs llabs malloc
qsort rand realloc srand strtod strtof strtol strtoul system memchr memcmp memcpy
memmove memset strcat strchr strcmp strcpy strlen strncat strncmp strncpy strstr
strtok fclose fflush fgetc fgets fopen fprintf fputc fputs fread fscanf fseek ftell
fwrite getchar gets perror printf putchar puts remove rename rewind scanf snprintf
sprintf sscanf clock time errno stdin stdout stderr setjmp longjmp signal raise"""
LIBRARY = frozenset(
    [f"{name}{suffix}" for name in _MATH.split() for suffix in ("", "f", "l")] + _GENERAL.split()
)
"""Names of the C library: a program may use them, but not define them."""

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def name_problem(name: str) -> str | None:
    """Why `name` cannot be declared in C, or None."""
    if not _IDENTIFIER.fullmatch(name):
        return "is not a C identifier"
    if name in KEYWORDS:
        return "is a keyword of C or C++"
    if re.match(r"__|_[A-Z]", name):
        return "is reserved for the C implementation"
    return None

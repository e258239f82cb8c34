"""The c dialect: what C needs and no more, the last level of the road; `print_c` prints it.

A module holds one `c.file` per emitted file. xDSL's emitc gives the types; its ops do not do: they
have no files, globals, functions, loops or conditions, a callee or type there can be any text, and
every op becomes a statement with a variable of its own. Here expressions nest where that keeps the
meaning, no op holds text that a verifier cannot read, and what is accepted compiles as C99.

```mlir
c.file "net.c" prefix "net_" {
  c.include system "stdint.h"
  c.global static const @net_bias : !c.array<2 x i32> = dense<[7, -1]>
  c.func @net_run(%i : i32) -> i32 {
    %bias = c.get_global @net_bias : !emitc.ptr<!c.const<i32>>
    %element = c.subscript %bias[%i] : (!emitc.ptr<!c.const<i32>>, i32) -> !c.lvalue<!c.const<i32>>
    %value = c.load %element : !c.lvalue<!c.const<i32>> -> i32
    c.return %value : i32
  }
}
```
```c
#include <stdint.h>

static const int32_t net_bias[2] = {7, -1};

int32_t net_run(int32_t i) {
    return net_bias[i];
}
```

Files are in `c_file`, then come `c_globals`, `c_functions`, `c_statements`, `c_expressions` and
`c_places`; the types and the rules for names are in `c_base`.
"""

from xdsl.ir import Dialect

from .c_base import (
    BYTE,
    CHAR,
    NULL,
    STRING,
    VOID,
    VOID_POINTER,
    ArrayType,
    ConstType,
    LValueType,
    macro,
    named,
    pointer,
)
from .c_expressions import (
    COMPARISONS,
    LOGICAL,
    BinaryOp,
    CastOp,
    ConditionalOp,
    LiteralOp,
    UnaryOp,
)
from .c_file import (
    DefineOp,
    EnumOp,
    FileOp,
    IncludeOp,
    StructOp,
    find_definition,
    find_symbol,
    visible_files,
)
from .c_functions import CallOp, FuncOp, ReturnOp
from .c_globals import GlobalOp
from .c_names import name_problem
from .c_places import AddressOfOp, GetGlobalOp, LoadOp, MemberOp, SubscriptOp
from .c_statements import AssignOp, CommentOp, DiscardOp, ForOp, IfOp, VariableOp

__all__ = [
    "BYTE",
    "CHAR",
    "COMPARISONS",
    "LOGICAL",
    "NULL",
    "STRING",
    "VOID",
    "VOID_POINTER",
    "AddressOfOp",
    "ArrayType",
    "AssignOp",
    "BinaryOp",
    "C",
    "CallOp",
    "CastOp",
    "CommentOp",
    "ConditionalOp",
    "ConstType",
    "DefineOp",
    "DiscardOp",
    "EnumOp",
    "FileOp",
    "ForOp",
    "FuncOp",
    "GetGlobalOp",
    "GlobalOp",
    "IfOp",
    "IncludeOp",
    "LValueType",
    "LiteralOp",
    "LoadOp",
    "MemberOp",
    "ReturnOp",
    "StructOp",
    "SubscriptOp",
    "UnaryOp",
    "VariableOp",
    "find_definition",
    "find_symbol",
    "macro",
    "name_problem",
    "named",
    "pointer",
    "visible_files",
]

C = Dialect(
    "c",
    [
        FileOp,
        IncludeOp,
        DefineOp,
        EnumOp,
        StructOp,
        GlobalOp,
        FuncOp,
        ReturnOp,
        CommentOp,
        VariableOp,
        AssignOp,
        DiscardOp,
        IfOp,
        ForOp,
        CallOp,
        LiteralOp,
        GetGlobalOp,
        BinaryOp,
        UnaryOp,
        ConditionalOp,
        CastOp,
        SubscriptOp,
        MemberOp,
        LoadOp,
        AddressOfOp,
    ],
    [ArrayType, ConstType, LValueType],
)

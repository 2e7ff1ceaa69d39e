//! Trees as short text, for tests to compare: `(+ 1 (* $x @m[2]))`.

use super::ast::*;

pub(super) fn script(script: &Script) -> String {
    let mut parts = Vec::new();
    for def in &script.cdefs {
        parts.push(cdef(def));
    }
    for decl in &script.map_decls {
        parts.push(format!("@{}={}({})", decl.name.name, decl.kind.name, decl.max_entries));
    }
    for function in &script.functions {
        let params: Vec<String> =
            function.params.iter().map(|(n, t)| format!("${}:{}", n.name, ty(t))).collect();
        let (name, params, result) = (&function.name.name, params.join(" "), ty(&function.result));
        parts.push(format!("fn {name}({params}):{result} {}", block(&function.body)));
    }
    for probe in &script.probes {
        let points: Vec<String> = probe.attach_points.iter().map(AttachPoint::canonical).collect();
        let predicate = probe.predicate.as_ref().map_or(String::new(), |p| format!(" /{}/", expr(p)));
        parts.push(format!("{}{predicate} {}", points.join(","), block(&probe.body)));
    }
    parts.join("\n")
}

fn cdef(def: &CDef) -> String {
    match def {
        CDef::Aggregate(def) => {
            let field = |f: &CField| {
                let name = f.name.as_ref().map_or("_", |n| &n.name);
                let bits = f.bits.map_or(String::new(), |b| format!(":{b}"));
                format!("{name}:{}{bits}", ty(&f.ty))
            };
            let fields: Vec<String> = def.fields.iter().map(field).collect();
            let keyword = if def.is_union { "union" } else { "struct" };
            let packed = if def.packed { " packed" } else { "" };
            format!("{keyword} {}{packed} {{{}}}", def.name, fields.join(" "))
        }
        CDef::Enum(def) => {
            let constants: Vec<String> =
                def.constants.iter().map(|(n, v)| format!("{}={v}", n.name)).collect();
            format!("enum {} {{{}}}", def.name.as_deref().unwrap_or("_"), constants.join(" "))
        }
        CDef::Typedef(def) => format!("typedef {} {}", def.name.name, ty(&def.ty)),
        CDef::Define(def) => format!("#define {}", def.name.name),
        CDef::Include(def) => format!("#include {}", def.path),
    }
}

pub(super) fn block(block: &Block) -> String {
    let mut parts: Vec<String> = block.stmts.iter().map(|s| stmt(&s.kind)).collect();
    if let Some(tail) = &block.tail {
        parts.push(format!("=> {}", expr(tail)));
    }
    format!("{{{}}}", parts.join("; "))
}

fn stmt(kind: &StmtKind) -> String {
    match kind {
        StmtKind::Expr(e) => expr(e),
        StmtKind::Assign { target, op, value } => {
            format!("{} {}= {}", expr(target), op.map_or("", BinaryOp::symbol), expr(value))
        }
        StmtKind::Let { name, ty: of, value } => {
            let of = of.as_ref().map_or(String::new(), |t| format!(": {}", ty(t)));
            let value = value.as_ref().map_or(String::new(), |e| format!(" = {}", expr(e)));
            format!("let ${}{of}{value}", name.name)
        }
        StmtKind::If(branch) => branch_text(branch),
        StmtKind::While { condition, body } => format!("while {} {}", expr(condition), block(body)),
        StmtKind::Unroll { count, body } => format!("unroll {} {}", expr(count), block(body)),
        StmtKind::For { var, iter, body } => {
            let iter = match iter {
                ForIter::Map(map) => expr(map),
                ForIter::Range { start, end } => format!("{}..{}", expr(start), expr(end)),
            };
            format!("for ${} {iter} {}", var.name, block(body))
        }
        StmtKind::Break => "break".into(),
        StmtKind::Continue => "continue".into(),
        StmtKind::Return(value) => {
            format!("return{}", value.as_ref().map_or(String::new(), |e| format!(" {}", expr(e))))
        }
        StmtKind::Discard(e) => format!("_ = {}", expr(e)),
        StmtKind::Block(b) => block(b),
        StmtKind::Import(path) => format!("import {path}"),
    }
}

fn branch_text(branch: &If) -> String {
    let otherwise = match &branch.otherwise {
        Some(Else::If(next)) => format!(" else {}", branch_text(next)),
        Some(Else::Block(b)) => format!(" else {}", block(b)),
        None => String::new(),
    };
    format!("if {} {}{otherwise}", expr(&branch.condition), block(&branch.then))
}

fn list(exprs: &[Expr]) -> String {
    exprs.iter().map(expr).collect::<Vec<_>>().join(" ")
}

pub(super) fn expr(e: &Expr) -> String {
    match &e.kind {
        ExprKind::Int(lit) => lit.value.to_string(),
        ExprKind::Str(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
        ExprKind::Bool(value) => value.to_string(),
        ExprKind::Ident(name) => name.clone(),
        ExprKind::Positional(n) => format!("${n}"),
        ExprKind::PositionalCount => "$#".into(),
        ExprKind::Var(name) => format!("${name}"),
        ExprKind::Map(map) => {
            format!("@{}{}", map.name, map.key.as_ref().map_or(String::new(), |k| format!("[{}]", list(k))))
        }
        ExprKind::Call(call) => format!("{}({})", call.name.name, list(&call.args)),
        ExprKind::Unary { op, operand } => {
            let op = match op {
                UnaryOp::Neg => "-",
                UnaryOp::Not => "!",
                UnaryOp::BitNot => "~",
                UnaryOp::Deref => "*",
                UnaryOp::AddrOf => "&",
            };
            format!("({op} {})", expr(operand))
        }
        ExprKind::IncDec { op, prefix, operand } => {
            let op = if *op == IncDecOp::Inc { "++" } else { "--" };
            if *prefix { format!("({op}{})", expr(operand)) } else { format!("({}{op})", expr(operand)) }
        }
        ExprKind::Binary { op, left, right } => format!("({} {} {})", op.symbol(), expr(left), expr(right)),
        ExprKind::Ternary { condition, then, otherwise } => {
            let then = then.as_ref().map_or("_".into(), |e| expr(e));
            format!("(? {} {then} {})", expr(condition), expr(otherwise))
        }
        ExprKind::Cast { ty: to, operand } => format!("(cast {} {})", ty(to), expr(operand)),
        ExprKind::Sizeof(arg) => format!("(sizeof {})", type_arg(arg)),
        ExprKind::Typeinfo(arg) => format!("(typeinfo {})", type_arg(arg)),
        ExprKind::Typeof(arg) => format!("(typeof {})", type_arg(arg)),
        ExprKind::Offsetof { of, path } => {
            let path: Vec<&str> = path.iter().map(|p| p.name.as_str()).collect();
            format!("(offsetof {} {})", type_arg(of), path.join("."))
        }
        ExprKind::Field { base, field, .. } => format!("(. {} {})", expr(base), field.name),
        ExprKind::TupleIndex { base, index } => format!("(. {} {index})", expr(base)),
        ExprKind::Index { base, index } => format!("([] {} {})", expr(base), expr(index)),
        ExprKind::Tuple(items) => format!("(tuple {})", list(items)),
        ExprKind::Record(items) => {
            let items: Vec<String> = items.iter().map(|(n, e)| format!("{}={}", n.name, expr(e))).collect();
            format!("(record {})", items.join(" "))
        }
        ExprKind::Block(b) => block(b),
        ExprKind::If(branch) => branch_text(branch),
        ExprKind::Comptime(operand) => format!("(comptime {})", expr(operand)),
    }
}

fn type_arg(arg: &TypeArg) -> String {
    match arg {
        TypeArg::Type(of) => format!("<{}>", ty(of)),
        TypeArg::Expr(e) => expr(e),
    }
}

pub(super) fn ty(of: &TypeExpr) -> String {
    match &of.kind {
        TypeKind::Named(name) => name.clone(),
        TypeKind::Struct(name) => format!("struct {name}"),
        TypeKind::Union(name) => format!("union {name}"),
        TypeKind::Enum(name) => format!("enum {name}"),
        TypeKind::Pointer(inner) => format!("{}*", ty(inner)),
        TypeKind::Array { element, length } => {
            format!("{}[{}]", ty(element), length.map_or(String::new(), |n| n.to_string()))
        }
        TypeKind::Sized { name, size } => format!("{name}<{size}>"),
        TypeKind::Typeof(e) => format!("typeof({})", expr(e)),
    }
}

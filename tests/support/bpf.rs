//! The classic Berkeley packet filter, as the kernel runs it for seccomp.

use rawipc::seccomp::{Call, Instruction};

/// What `program` returns for `call`, or why the kernel would refuse the program.
///
/// `Err` also where the run meets something that the kernel checks beforehand.
pub(crate) fn run(program: &[Instruction], call: &Call) -> Result<u32, String> {
    let mut data = vec![call.number, call.machine];
    for word in [call.instruction].iter().chain(&call.arguments) {
        let bytes = word.to_ne_bytes();
        for half in bytes.chunks(4) {
            data.push(u32::from_ne_bytes(half.try_into().expect("4 bytes")));
        }
    }
    let mut accumulator = 0;
    let mut at = 0;
    loop {
        let step = program.get(at).ok_or(format!("runs past the end: {at}"))?;
        at += 1;
        let jump = |holds: bool| {
            usize::from(if holds {
                step.jump_true
            } else {
                step.jump_false
            })
        };
        match step.code {
            0x20 if step.operand % 4 == 0 => {
                let word = data.get(step.operand as usize / 4);
                accumulator = *word.ok_or(format!("loads from {}", step.operand))?;
            }
            0x54 => accumulator &= step.operand,
            0x05 => at += step.operand as usize,
            0x15 => at += jump(accumulator == step.operand),
            0x25 => at += jump(accumulator > step.operand),
            0x35 => at += jump(accumulator >= step.operand),
            0x45 => at += jump(accumulator & step.operand != 0),
            0x06 => return Ok(step.operand),
            code => return Err(format!("operation {code:#x}, operand {}", step.operand)),
        }
    }
}

/// Whether the kernel would take the program, by what it checks before it runs one.
pub(crate) fn check(program: &[Instruction]) -> Result<(), String> {
    if program.is_empty() || program.len() > 4096 {
        return Err(format!("{} instructions", program.len()));
    }
    for (at, step) in program.iter().enumerate() {
        let behind = program.len() - at - 1;
        let far = match step.code {
            0x05 => step.operand as usize,
            0x15 | 0x25 | 0x35 | 0x45 => usize::from(step.jump_true.max(step.jump_false)),
            0x20 if step.operand % 4 == 0 && step.operand < 64 => continue,
            0x06 | 0x54 => continue,
            code => return Err(format!("{at}: operation {code:#x}")),
        };
        if far >= behind {
            return Err(format!("{at}: a jump of {far} with {behind} behind it"));
        }
    }
    match program.last() {
        Some(last) if last.code == 0x06 => Ok(()),
        last => Err(format!("ends with {last:?}")),
    }
}

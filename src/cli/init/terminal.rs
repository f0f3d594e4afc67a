//! Hides typed letters. It changes the terminal's settings only, and restores them.

use std::io::{IsTerminal, Stdin, stdin};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

/// The letter of Ctrl-C while typing is hidden. It must not end the process there, because the terminal would stay
/// silent.
pub(super) const INTERRUPT: u8 = 3;

/// A terminal that shows no typed letters while this lives.
pub(super) struct Silence {
    terminal: Stdin,
    before: Termios,
}

impl Silence {
    /// Hides typing; `None` where the answers come from no terminal, or where it refuses.
    pub(super) fn begin() -> Option<Self> {
        let terminal = stdin();
        if !terminal.is_terminal() {
            return None;
        }
        let before = tcgetattr(&terminal).ok()?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
        // Ctrl-C is a letter then, and ends the line like Enter.
        silent.special_codes[SpecialCodeIndex::VEOL] = INTERRUPT;
        // Letters that were typed ahead are an answer as well.
        tcsetattr(&terminal, OptionalActions::Drain, &silent).ok()?;
        Some(Self { terminal, before })
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // A terminal that is gone shows nothing any more.
        tcsetattr(&self.terminal, OptionalActions::Drain, &self.before).ok();
    }
}

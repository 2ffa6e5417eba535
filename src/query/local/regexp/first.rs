//! With which characters a match of an expression may begin. An expression is read once, item by item: what may be left out lets
//! the next item begin a match too.

/// What is known after some items of an expression.
#[derive(Debug, Default)]
pub struct FirstChars {
    /// The group that is being read, and those around it.
    group: GroupStart,
    around: Vec<GroupStart>,
    /// An assertion begins a match: whether it holds depends on what stands before the match.
    is_unknown: bool,
}

/// How the matches of a group may begin.
#[derive(Debug, Default)]
struct GroupStart {
    /// The ASCII characters of its alternatives so far, bit by bit, and whether one of those may be empty.
    chars: u128,
    may_be_empty: bool,
    /// An item of the alternative being read must stand, so nothing behind it begins a match.
    is_settled: bool,
    /// The last item: what it may begin with, and whether it may be left out, which only what follows tells.
    last: Option<(u128, bool)>,
}

impl GroupStart {
    fn end_item(&mut self) {
        if let Some((chars, may_be_empty)) = self.last.take()
            && !self.is_settled
        {
            self.chars |= chars;
            self.is_settled = !may_be_empty;
        }
    }

    fn end_alternative(&mut self) {
        self.end_item();
        self.may_be_empty |= !self.is_settled;
        self.is_settled = false;
    }
}

impl FirstChars {
    /// One character that is one of these follows.
    pub fn item(&mut self, chars: impl FnOnce() -> u128) {
        self.group.end_item();
        // What it is does not matter behind what must stand.
        let chars = if self.group.is_settled { 0 } else { chars() };
        self.group.last = Some((chars, false));
    }

    /// The last item may be left out.
    pub fn optional(&mut self) {
        if let Some((_, may_be_empty)) = &mut self.group.last {
            *may_be_empty = true;
        }
    }

    /// `|` follows.
    pub fn choice(&mut self) {
        self.group.end_alternative();
    }

    /// A group begins.
    pub fn open(&mut self) {
        self.group.end_item();
        self.around.push(std::mem::take(&mut self.group));
    }

    /// The group ends: it is an item of the one around it.
    pub fn close(&mut self) {
        self.group.end_alternative();
        let inner = std::mem::replace(&mut self.group, self.around.pop().unwrap_or_default());
        self.group.last = Some((inner.chars, inner.may_be_empty));
    }

    /// An assertion about what stands before it follows.
    pub fn assertion(&mut self) {
        self.group.end_item();
        self.is_unknown |= !self.group.is_settled && !self.around.iter().any(|group| group.is_settled);
    }

    /// The ASCII characters that a match may begin with, bit by bit; `None` if that cannot be told, or it may be empty.
    pub fn finish(mut self) -> Option<u128> {
        self.group.end_alternative();
        (!self.is_unknown && !self.group.may_be_empty).then_some(self.group.chars)
    }
}

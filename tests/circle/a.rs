use crate::b::thing;

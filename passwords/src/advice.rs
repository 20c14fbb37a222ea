//! What is wrong with a password and what would be better, as codes: the page has the words, in the
//! user's language.

use zxcvbn::feedback::{Suggestion, Warning};

/// The code of a warning. A new one in the crate stops the build here, until it has words.
pub const fn of_warning(warning: Warning) -> &'static str {
    match warning {
        Warning::StraightRowsOfKeysAreEasyToGuess => "straight-row",
        Warning::ShortKeyboardPatternsAreEasyToGuess => "keyboard",
        Warning::RepeatsLikeAaaAreEasyToGuess => "repeated-character",
        Warning::RepeatsLikeAbcAbcAreOnlySlightlyHarderToGuess => "repeated-part",
        Warning::ThisIsATop10Password => "top-10",
        Warning::ThisIsATop100Password => "top-100",
        Warning::ThisIsACommonPassword => "common",
        Warning::ThisIsSimilarToACommonlyUsedPassword => "similar",
        Warning::SequencesLikeAbcAreEasyToGuess => "sequence",
        Warning::RecentYearsAreEasyToGuess => "year",
        Warning::AWordByItselfIsEasyToGuess => "word",
        Warning::DatesAreOftenEasyToGuess => "date",
        Warning::NamesAndSurnamesByThemselvesAreEasyToGuess => "name",
        Warning::CommonNamesAndSurnamesAreEasyToGuess => "name-in-it",
    }
}

/// The code of a suggestion.
pub const fn of_suggestion(suggestion: Suggestion) -> &'static str {
    match suggestion {
        Suggestion::UseAFewWordsAvoidCommonPhrases => "few-words",
        Suggestion::NoNeedForSymbolsDigitsOrUppercaseLetters => "no-need",
        Suggestion::AddAnotherWordOrTwo => "another-word",
        Suggestion::CapitalizationDoesntHelpVeryMuch => "capital",
        Suggestion::AllUppercaseIsAlmostAsEasyToGuessAsAllLowercase => "all-capitals",
        Suggestion::ReversedWordsArentMuchHarderToGuess => "reversed",
        Suggestion::PredictableSubstitutionsDontHelpVeryMuch => "substitution",
        Suggestion::UseALongerKeyboardPatternWithMoreTurns => "longer-pattern",
        Suggestion::AvoidRepeatedWordsAndCharacters => "repeats",
        Suggestion::AvoidSequences => "sequences",
        Suggestion::AvoidRecentYears => "years",
        Suggestion::AvoidYearsThatAreAssociatedWithYou => "your-years",
        Suggestion::AvoidDatesAndYearsThatAreAssociatedWithYou => "your-dates",
    }
}

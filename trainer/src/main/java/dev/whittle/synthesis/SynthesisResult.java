package dev.whittle.synthesis;

/// What a [SynthesisJob] did.
///
/// @param counts of the whole run, resumed parts included
/// @param seconds spent in generating by this process
/// @param tokensPerSecond tokens written in a second of these, user's turns included
public record SynthesisResult(SynthesisCounts counts, double seconds, double tokensPerSecond) {}

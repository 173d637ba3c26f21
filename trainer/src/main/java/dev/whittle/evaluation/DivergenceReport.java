package dev.whittle.evaluation;

/// How far a student's distributions are from its teacher's, over the tokens of a data set.
///
/// @param tokens over how many tokens
/// @param perplexity of the student: e to the mean negative log-likelihood
/// @param teacherPerplexity of the teacher
/// @param mean the mean of KL(teacher ‖ student), in nats a token
/// @param median half of the tokens have less
/// @param percentile99 99 of 100 tokens have less
/// @param sameTopToken the share of tokens for which both find the same token likeliest
public record DivergenceReport(
    long tokens,
    double perplexity,
    double teacherPerplexity,
    double mean,
    double median,
    double percentile99,
    double sameTopToken) {}

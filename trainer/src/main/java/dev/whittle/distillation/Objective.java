package dev.whittle.distillation;

/// What the student is trained to make small, for each token. P is the teacher's distribution over
/// the next token and Q the student's, both at the same temperature.
public enum Objective {
  /// KL(P‖Q): covers all that the teacher might say (Hinton et al. 2015).
  FORWARD_KL,
  /// KL(Q‖P): seeks what the teacher is most sure of (Gu et al. 2024).
  REVERSE_KL,
  /// The Jensen-Shannon divergence with the mixture M = (P + Q) / 2.
  JSD,
  /// γ·KL(Q‖P) + (1 − γ)·KL(P‖Q), where γ is the teacher's mean probability of the data's own
  /// tokens (BitDistiller, Du et al. 2024).
  CAKLD,
  /// −log Q(next token): the data's own tokens, no teacher.
  CE,
  /// The distance of the student's hidden states from the teacher's behind each layer, relative to
  /// the length of the teacher's (TinyBERT, Jiao et al. 2020). It says nothing of the head, so it
  /// only stands beside another one.
  HIDDEN;

  /// The name on the command line.
  public String label() {
    return name().toLowerCase(java.util.Locale.ROOT).replace('_', '-');
  }
}

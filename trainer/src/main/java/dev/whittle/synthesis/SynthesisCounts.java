package dev.whittle.synthesis;

import java.util.EnumMap;
import java.util.Map;

/// What came of a synthesis, or has come so far.
///
/// @param drawn how many examples the model was asked for
/// @param kept how many of them are in the output
/// @param rejected how many are not, by the reason
/// @param tokens that the model wrote for all of them
public record SynthesisCounts(long drawn, long kept, Map<Rejection, Long> rejected, long tokens) {
  static final SynthesisCounts NONE = new SynthesisCounts(0, 0, Map.of(), 0);

  public SynthesisCounts {
    rejected = Map.copyOf(rejected);
  }

  SynthesisCounts withDrawn(long examples) {
    return new SynthesisCounts(drawn + examples, kept, rejected, tokens);
  }

  SynthesisCounts withTokens(long written) {
    return new SynthesisCounts(drawn, kept, rejected, tokens + written);
  }

  SynthesisCounts withKept() {
    return new SynthesisCounts(drawn, kept + 1, rejected, tokens);
  }

  SynthesisCounts with(Rejection rejection) {
    Map<Rejection, Long> more = new EnumMap<>(Rejection.class);
    more.putAll(rejected);
    more.merge(rejection, 1L, Long::sum);
    return new SynthesisCounts(drawn, kept, more, tokens);
  }
}

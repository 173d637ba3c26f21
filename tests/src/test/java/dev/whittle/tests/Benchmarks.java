package dev.whittle.tests;

import static org.junit.jupiter.api.Assertions.assertFalse;

import org.junit.jupiter.api.Test;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.options.CommandLineOptions;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/// Runs the JMH benchmarks, when it is asked for by name; its own is not one of those that Surefire
/// looks for. JMH's options come from the system property `jmh`.
class Benchmarks {
  @Test
  void run() throws Exception {
    String line = System.getProperty("jmh", "").strip();
    String[] words = line.isEmpty() ? new String[0] : line.split("\\s+");
    Options options =
        new OptionsBuilder()
            .parent(new CommandLineOptions(words))
            .shouldFailOnError(true)
            .jvmArgsAppend("-Dwhittle.home=" + Demo.home())
            .build();
    assertFalse(new Runner(options).run().isEmpty(), "nothing was measured");
  }
}

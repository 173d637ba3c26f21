package dev.whittle.cli;

import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

/// `whittle doctor`: whether this machine has what Whittle needs.
@Command(
    name = "doctor",
    description = {
      "Checks the JDK, the native libraries, the backends, the way to a GPU and memory, and says how to"
          + " mend what is wrong. Exits with 1 if something is; what is only missing is noted.",
      ""
    })
final class DoctorCommand implements Callable<Integer> {
  @ParentCommand private Whittle whittle;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  /// The result in JSON.
  record Report(boolean healthy, List<Finding> findings) {}

  @Override
  public Integer call() {
    List<Finding> findings = Diagnosis.ofThisMachine();
    boolean healthy = findings.stream().allMatch(Finding::healthy);
    if (json) {
      whittle.terminal().printJson(new Report(healthy, findings));
    } else {
      findings.forEach(finding -> whittle.terminal().println(line(finding)));
    }
    return healthy ? ExitCode.OK : ExitCode.SOFTWARE;
  }

  private String line(Finding finding) {
    String mark =
        switch (finding.severity()) {
          case OK -> "@|green ok|@   ";
          case NOTE -> "@|yellow note|@ ";
          case FAIL -> "@|bold,red fail|@ ";
        };
    return whittle.terminal().styled(mark)
        + "%-12s %s".formatted(finding.subject(), finding.text());
  }
}

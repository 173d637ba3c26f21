package dev.whittle.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.cli.CudaSetup.Compiler;
import dev.whittle.cli.CudaSetup.Gpu;
import dev.whittle.cli.CudaSetup.Version;
import dev.whittle.cli.Finding.Severity;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/// What the doctor says of setups that hardly any machine has all of.
class CudaSetupTest {
  private static final Gpu TURING = new Gpu("NVIDIA T4", new Version("7.5"));
  private static final Gpu PASCAL = new Gpu("NVIDIA GTX 1080", new Version("6.1"));
  private static final Compiler CUDA_13 = compiler("13.0", new Version("7.5"), new Version("9.0"));
  private static final Compiler CUDA_12 = compiler("12.4", new Version("5.0"), new Version("6.0"));
  private static final String BROKEN = "libggml-cuda.so finds no GPU that it can use";

  private static Compiler compiler(String version, Version... capabilities) {
    return new Compiler(Path.of("nvcc"), new Version(version), List.of(capabilities));
  }

  private static Finding finding(
      List<Gpu> gpus, @Nullable String driver, @Nullable Compiler compiler, String... failures) {
    return new CudaSetup(
            gpus, driver == null ? null : new Version(driver), compiler, null, List.of(failures))
        .finding();
  }

  private static void assertNote(Finding finding, String... words) {
    assertEquals(Severity.NOTE, finding.severity());
    assertTrue(finding.healthy());
    assertSays(finding, words);
  }

  private static void assertSays(Finding finding, String... words) {
    for (String word : words) {
      assertTrue(finding.text().contains(word), () -> word + " in: " + finding.text());
    }
    assertTrue(finding.text().endsWith("."), finding.text());
  }

  @Test
  void withoutAGpuTheCpuComputes() {
    assertNote(
        finding(List.of(), null, CUDA_13), "No NVIDIA GPU was found; Whittle computes on the CPU.");
  }

  @Test
  void aGpuWithoutADriverIsNoticed() {
    assertNote(finding(List.of(TURING), null, null), "no driver", "install NVIDIA's driver");
  }

  @Test
  void aDriverTooOldForTheCompilerIsNamedWithBothMends() {
    assertNote(
        finding(List.of(TURING), "470.256.02", CUDA_13),
        "driver 470.256.02 is too old for CUDA 13.0 (needs 580 or later)",
        "update the driver",
        "native/build-cuda --nvcc PATH");
    assertSays(finding(List.of(TURING), "470.256.02", CUDA_12), "needs 525 or later");
  }

  @Test
  void withoutACompilerTheToolkitThatFitsTheDriverIsNamed() {
    assertNote(finding(List.of(TURING), "535.129.03", null), "nvcc was not found", "12.x");
    assertNote(finding(List.of(TURING), "580.95.05", null), "13.x");
    assertNote(finding(List.of(TURING), "390.157", null), "after a newer driver");
  }

  @Test
  void aGpuThatTheCompilerHasGivenUpIsNamed() {
    assertNote(
        finding(List.of(TURING, PASCAL), "580.95.05", CUDA_13),
        "nvcc 13.0 does not compile for the NVIDIA GTX 1080 (compute capability 6.1)",
        "another nvcc");
    // Code for 6.0 runs on 6.1.
    assertNote(finding(List.of(PASCAL), "580.95.05", CUDA_12), "build the CUDA backend");
  }

  @Test
  void whatIsLeftToDoIsToBuild() {
    assertNote(
        finding(List.of(TURING, TURING), "580.95.05", CUDA_13),
        "2 × NVIDIA T4",
        "native/build-cuda");
  }

  @Test
  void aLibraryThatWasBuiltAndDoesNotWorkIsAFailure() {
    Finding broken = finding(List.of(TURING), "580.95.05", CUDA_13, BROKEN);
    assertEquals(Severity.FAIL, broken.severity());
    assertSays(broken, BROKEN, "native/build-cuda");
    Finding outdated = finding(List.of(TURING), "535.129.03", CUDA_13, BROKEN);
    assertEquals(Severity.FAIL, outdated.severity());
    assertSays(outdated, "too old for CUDA 13.0");
  }

  @Test
  void aLoadedBackendNeedsNothing() {
    CudaSetup loaded =
        new CudaSetup(
            List.of(TURING),
            new Version("580.95.05"),
            null,
            Path.of("libggml-cuda.so"),
            List.of("another cannot be loaded"));
    assertEquals(Severity.OK, loaded.finding().severity());
  }

  @Test
  void versionsAreComparedNumberByNumber() {
    assertTrue(new Version("9.0").compareTo(new Version("12.1")) < 0);
    assertTrue(new Version("12.1").compareTo(new Version("12.1.1")) < 0);
    assertEquals(0, new Version("580.95.05").compareTo(new Version("580.95.5")));
  }
}

package dev.whittle.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.cli.CudaSetup.Gpu;
import dev.whittle.cli.CudaSetup.Version;
import dev.whittle.ggml.NativeRuntime.Accelerators;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Reads a machine that a test makes up, out of files and of what programs would say.
class CudaProbeTest {
  private static final String NVCC_SAYS =
      """
      nvcc: NVIDIA (R) Cuda compiler driver
      Copyright (c) 2005-2025 NVIDIA Corporation
      Cuda compilation tools, release 13.0, V13.0.88
      """;

  private static final Accelerators NO_BACKEND = new Accelerators(null, List.of());

  @TempDir Path root;

  /// By the name of the program and its first argument.
  private final Map<String, String> outputs = new HashMap<>();

  private Path binaries;

  @BeforeEach
  void makeFolders() throws IOException {
    binaries = Files.createDirectories(root.resolve("usr/bin"));
  }

  private CudaSetup examine() {
    return new CudaProbe(root, List.of(binaries), this::output).examine(NO_BACKEND);
  }

  private Optional<String> output(List<String> command) {
    String program = Path.of(command.get(0)).getFileName() + " " + command.get(1).split("=")[0];
    return Optional.ofNullable(outputs.get(program));
  }

  private void write(String file, String text) throws IOException {
    Path path = root.resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, text);
  }

  private void installCompiler(String file) throws IOException {
    write(file, "");
    assertTrue(root.resolve(file).toFile().setExecutable(true));
    outputs.put("nvcc --version", NVCC_SAYS);
    outputs.put("nvcc --list-gpu-arch", "compute_75\ncompute_90\ncompute_120\n");
  }

  @Test
  void anEmptyMachineHasNothing() {
    assertEquals(new CudaSetup(List.of(), null, null, null, List.of()), examine());
  }

  @Test
  void theDriversToolNamesGpusAndVersions() {
    outputs.put(
        "nvidia-smi --query-gpu", "NVIDIA H200, 580.95.05, 9.0\nTesla K80, 580.95.05, [N/A]\n");
    CudaSetup setup = examine();
    assertEquals(
        List.of(new Gpu("NVIDIA H200", new Version("9.0")), new Gpu("Tesla K80", null)),
        setup.gpus());
    assertEquals(new Version("580.95.05"), setup.driver());
  }

  @Test
  void withoutTheToolTheKernelAndTheBusTell() throws IOException {
    write(
        "proc/driver/nvidia/version",
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build\n"
            + "GCC version:  gcc version 12.2.0\n");
    write("sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de\n");
    write("sys/bus/pci/devices/0000:01:00.0/class", "0x030200\n");
    // The GPU's sound, and another maker's network card.
    write("sys/bus/pci/devices/0000:01:00.1/vendor", "0x10de\n");
    write("sys/bus/pci/devices/0000:01:00.1/class", "0x040300\n");
    write("sys/bus/pci/devices/0000:02:00.0/vendor", "0x8086\n");
    write("sys/bus/pci/devices/0000:02:00.0/class", "0x020000\n");
    CudaSetup setup = examine();
    assertEquals(1, setup.gpus().size());
    assertEquals(new Version("580.95.05"), setup.driver());
  }

  @Test
  void theClosedModulesVersionIsReadToo() throws IOException {
    write(
        "proc/driver/nvidia/version",
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  470.256.02  Thu May  2 14:37:44 UTC 2024\n");
    assertEquals(new Version("470.256.02"), examine().driver());
  }

  @Test
  void theCompilerIsOnThePathOrWhereItIsInstalledByDefault() throws IOException {
    installCompiler("usr/local/cuda/bin/nvcc");
    assertEquals(root.resolve("usr/local/cuda/bin/nvcc"), examine().compiler().path());
    installCompiler("usr/bin/nvcc");
    CudaSetup.Compiler compiler = examine().compiler();
    assertEquals(root.resolve("usr/bin/nvcc"), compiler.path());
    assertEquals(new Version("13.0"), compiler.version());
    assertEquals(
        List.of(new Version("7.5"), new Version("9.0"), new Version("12.0")),
        compiler.capabilities());
  }

  @Test
  void aCompilerThatDoesNotAnswerIsNone() throws IOException {
    installCompiler("usr/bin/nvcc");
    outputs.clear();
    assertNull(examine().compiler());
  }

  @Test
  void thisMachineIsExaminedWithoutAnError() {
    assertFalse(CudaProbe.ofThisMachine().examine(NO_BACKEND).finding().text().isBlank());
  }
}

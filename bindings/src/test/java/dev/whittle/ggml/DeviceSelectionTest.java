package dev.whittle.ggml;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.util.List;
import org.junit.jupiter.api.Test;

class DeviceSelectionTest {
  private static boolean hasCuda() {
    return NativeRuntime.load().devices().stream()
        .anyMatch(device -> device.name().startsWith("CUDA"));
  }

  private static String refusal(String names) {
    return assertThrows(IllegalArgumentException.class, () -> DeviceSelection.parse(names))
        .getMessage();
  }

  @Test
  void theCpuAloneHasNoAccelerators() {
    for (String name : List.of("cpu", "CPU", "none")) {
      DeviceSelection selection = DeviceSelection.parse(name);
      assertEquals(List.of(), selection.accelerators());
      assertFalse(selection.isAutomatic());
    }
  }

  @Test
  void theCpuTrainsAloneWhereNothingElseIsSelected() {
    List<Device> replicas = DeviceSelection.parse("cpu").replicas();
    assertEquals(List.of("CPU"), replicas.stream().map(Device::name).toList());
  }

  @Test
  void noDeviceIsTwoReplicas() {
    Device device = Device.cpu();
    DeviceSelection selection = new DeviceSelection(false, List.of(device, device));
    String message = assertThrows(IllegalArgumentException.class, selection::replicas).getMessage();
    assertTrue(message.contains("twice"), message);
  }

  @Test
  void automaticTakesEveryGpu() {
    DeviceSelection selection = DeviceSelection.parse("auto");
    assertTrue(selection.isAutomatic());
    long gpus =
        NativeRuntime.load().devices().stream()
            .filter(device -> device.kind() == Device.Kind.GPU)
            .count();
    assertEquals(gpus, selection.accelerators().size());
  }

  @Test
  void withoutACudaDeviceTheMendIsNamed() {
    assumeFalse(hasCuda());
    for (String names : List.of("cuda", "CUDA0", "CUDA0,CUDA1")) {
      assertTrue(refusal(names).contains("'whittle doctor'"), names);
    }
  }

  @Test
  void anUnknownDeviceIsRefusedWithThoseThatThereAre() {
    String message = refusal("Vulkan7");
    assertTrue(message.contains("'Vulkan7'") && message.contains("CPU"), message);
    refusal("");
  }

  @Test
  void aModelIsNotLoadedToTheCpuAsIfItWereAnAccelerator() {
    // The library would take it and compute everything twice as slowly.
    assertTrue(refusal("CPU,CPU").contains("'CPU'"));
  }
}

package dev.whittle.benchmark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class MachineTest {

  @Test
  void threadsOfACoreAreOneCore() {
    List<String> twoSocketsOfOneCoreWithTwoThreads =
        """
        processor\t: 0
        physical id\t: 0
        core id\t\t: 0

        processor\t: 1
        physical id\t: 1
        core id\t\t: 0

        processor\t: 2
        physical id\t: 0
        core id\t\t: 0

        processor\t: 3
        physical id\t: 1
        core id\t\t: 0
        """
            .lines()
            .toList();
    assertEquals(2, Machine.cores(twoSocketsOfOneCoreWithTwoThreads));
    assertEquals(0, Machine.cores(List.of("processor\t: 0", "BogoMIPS\t: 50.00")));
  }

  @Test
  void theMachineIsDescribed() {
    Machine machine = Machine.here();
    assertFalse(machine.cpu().isBlank());
    assertTrue(machine.cores() >= 1 && machine.cores() <= machine.processors());
    assertTrue(machine.memoryBytes() > 1 << 20);
    assertTrue(machine.ggml().startsWith("0."), machine.ggml());
  }
}

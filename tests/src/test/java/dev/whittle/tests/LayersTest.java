package dev.whittle.tests;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.library.Architectures;
import dev.whittle.cli.Whittle;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.util.Set;

/// The arrow of the design: cli → trainer → export → bindings, and what each may touch.
@AnalyzeClasses(packages = "dev.whittle", importOptions = DoNotIncludeTests.class)
class LayersTest {
  private static final String[] BINDINGS = {
    "dev.whittle.ffi..", "dev.whittle.ggml..", "dev.whittle.onednn.."
  };
  private static final String[] EXPORT = {
    "dev.whittle.blocks..", "dev.whittle.gguf..", "dev.whittle.io..", "dev.whittle.huggingface.."
  };
  private static final String[] CLI = {"dev.whittle.cli.."};

  /// Everything that is in no other layer, so that a new package need not be named here.
  private static final DescribedPredicate<JavaClass> TRAINER =
      resideInAnyPackage("dev.whittle..")
          .and(not(resideInAnyPackage(BINDINGS)))
          .and(not(resideInAnyPackage(EXPORT)))
          .and(not(resideInAnyPackage(CLI)))
          .and(not(resideInAnyPackage("dev.whittle.tests..")));

  @ArchTest
  static final ArchRule the_arrow_points_one_way =
      Architectures.layeredArchitecture()
          .consideringOnlyDependenciesInLayers()
          .layer("bindings")
          .definedBy(BINDINGS)
          .layer("export")
          .definedBy(EXPORT)
          .layer("trainer")
          .definedBy(TRAINER)
          .layer("cli")
          .definedBy(CLI)
          .whereLayer("cli")
          .mayNotBeAccessedByAnyLayer()
          .whereLayer("trainer")
          .mayOnlyBeAccessedByLayers("cli")
          .whereLayer("export")
          .mayOnlyBeAccessedByLayers("trainer", "cli")
          .whereLayer("bindings")
          .mayOnlyBeAccessedByLayers("export", "trainer", "cli");

  @ArchTest
  static final ArchRule only_the_safe_layer_uses_generated_code =
      noClasses()
          .that()
          .resideOutsideOfPackages(BINDINGS)
          .should()
          .dependOnClassesThat()
          .resideInAPackage("dev.whittle.ffi..");

  @ArchTest
  static final ArchRule only_bindings_touch_native_code =
      noClasses()
          .that()
          .resideOutsideOfPackages(BINDINGS)
          .should()
          .dependOnClassesThat()
          .belongToAnyOf(Linker.class, SymbolLookup.class)
          .orShould()
          .accessTargetWhere(isOneOf(MemorySegment.class, "reinterpret", "ofAddress"))
          .orShould()
          .accessTargetWhere(isOneOf(System.class, "load", "loadLibrary"));

  @ArchTest
  static final ArchRule packages_are_free_of_cycles =
      slices().matching("dev.whittle.(*)..").should().beFreeOfCycles();

  @ArchTest
  static final ArchRule only_the_command_line_speaks_to_the_user =
      noClasses()
          .that()
          // Generated code can trace itself, and before ggml aborts the process its last words are
          // passed on.
          .resideOutsideOfPackages(BINDINGS)
          .and()
          .resideOutsideOfPackages(CLI)
          .should()
          .accessTargetWhere(isOneOf(System.class, "out", "err"))
          .orShould()
          .accessTargetWhere(isOneOf(Throwable.class, "printStackTrace"));

  @ArchTest
  static final ArchRule only_main_ends_the_process =
      noClasses()
          .that()
          .areNotAssignableTo(Whittle.class)
          .should()
          .accessTargetWhere(isOneOf(System.class, "exit"))
          .orShould()
          .accessTargetWhere(isOneOf(Runtime.class, "exit", "halt"));

  private static DescribedPredicate<JavaAccess<?>> isOneOf(Class<?> owner, String... members) {
    Set<String> names = Set.of(members);
    return describe(
        owner.getSimpleName() + "'s " + names,
        access ->
            access.getTargetOwner().isEquivalentTo(owner) && names.contains(access.getName()));
  }
}
